"""The kinds of systems that can be pulled, by name."""

from cmdb.pulling import backstage, netbox, servicenow
from cmdb.pulling.protocol import Puller

PULLERS: dict[str, Puller] = {each.NAME: each for each in (servicenow, netbox, backstage)}
