"""Kubernetes: what `kubectl get -o json` or `-o yaml` writes, and manifests."""

from cmdb.importers.kubernetes.importer import NAME, read, recognises

__all__ = ["NAME", "read", "recognises"]
