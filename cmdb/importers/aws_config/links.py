"""What resources of AWS say of one another: relationships, and the members of groups."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from cmdb.importers.aws_config.items import Resource
from cmdb.importers.gathered import Link
from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.mapping import Mapping

_INSTANCE = "AWS::EC2::Instance"
_GROUP = "AWS::AutoScaling::AutoScalingGroup"
_CLASSIC = "AWS::ElasticLoadBalancing::LoadBalancer"
_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"


class Links:
    """Looks up what relationships mean, and counts what is not in the load."""

    def __init__(self, resources: dict[str, Resource], mapping: Mapping) -> None:
        self._resources = resources
        self._mapping = mapping
        self.outside = 0
        """Relationships whose other end is not in the load."""
        self._by_id: dict[str, list[str]] = defaultdict(list)
        for key, each in resources.items():
            names = (each.id, each.name, each.arn, _arn_of_configuration(each))
            for name in dict.fromkeys(name for name in names if name):
                self._by_id[name].append(key)

    def __iter__(self) -> Iterator[Link]:
        for key, each in self._resources.items():
            if not each.deleted:
                yield from self._stated(key, each)
                yield from self._members(key, each)

    def _stated(self, key: str, resource: Resource) -> Iterator[Link]:
        for each in items(resource.item.get("relationships")):
            said = members(each)
            name = text_of(said.get("relationshipName")) or text_of(said.get("name"))
            ends = (text_of(said.get("resourceId")), text_of(said.get("resourceName")))
            if not any(ends):
                continue
            that = self._find(resource, text_of(said.get("resourceType")), ends)
            if that is not None and that != key:
                yield Link(self._known_as(resource, name or ""), key, that, resource.where)

    def _known_as(self, resource: Resource, name: str) -> str:
        """The name with the type of the resource that says it, where the mapping has that rule."""
        exact = f"{resource.type}: {name}"
        return exact if self._mapping.relationship(exact) is not None else name

    def _members(self, key: str, resource: Resource) -> Iterator[Link]:
        """What the configuration of groups and load balancers says of their members."""
        said, where = resource.configuration, resource.where
        min_up = self._min_up(resource)
        if resource.type == _GROUP:
            for that in self._each(resource, _INSTANCE, _ids(said, "instances", "instanceId")):
                yield Link("auto scaling group has instance", key, that, where, "instances", min_up)
            for kind, name in ((_TARGETS, "targetGroupARNs"), (_CLASSIC, "loadBalancerNames")):
                for that in self._each(resource, kind, _texts(said.get(name))):
                    yield Link("load balancer has auto scaling group", that, key, where)
        elif resource.type in (_CLASSIC, _TARGETS):
            ids = _ids(said, "instances", "instanceId") + _ids(said, "targets", "id")
            for that in self._each(resource, None, ids):
                yield Link("load balancer has target", key, that, where, "targets", min_up)
            arns = _texts(_member(said, "loadBalancerArns"))
            for that in self._each(resource, _BALANCER, arns):
                yield Link("load balancer has target group", that, key, where)

    def _min_up(self, resource: Resource) -> int | str | None:
        """How many members of a group that `resource` has must be up; None: nothing is said."""
        said = self._mapping.option("members_min_up")
        if said != "min_size":
            return said or None
        size = resource.configuration.get("minSize")
        return size if isinstance(size, int) and size > 0 else None

    def _each(self, near: Resource, kind: str | None, ids: Iterable[str]) -> Iterator[str]:
        for each in dict.fromkeys(ids):
            found = self._find(near, kind, (each, None))
            if found is not None:
                yield found

    def _find(
        self, near: Resource, kind: str | None, ends: tuple[str | None, str | None]
    ) -> str | None:
        """The key of the resource of this type and id, of the same account and region where
        others are called alike; None, counted, where there is none or more than one."""
        for end in ends:
            named = [
                key
                for key in self._by_id.get(end or "", [])
                if kind is None or self._resources[key].type.casefold() == kind.casefold()
            ]
            if len(named) > 1:
                place = (near.account, near.region)
                named = [
                    key
                    for key in named
                    if (self._resources[key].account, self._resources[key].region) == place
                ]
            if len(named) == 1:
                if self._resources[named[0]].deleted:
                    break
                return named[0]
        self.outside += 1
        return None


def _member(said: dict[str, Any], name: str) -> Any:
    """A member by its name in either spelling: newer resource types write a capital first."""
    return said.get(name, said.get(name[:1].upper() + name[1:]))


def _ids(said: dict[str, Any], name: str, of: str) -> list[str]:
    entries = items(_member(said, name))
    return [found for each in entries if (found := text_of(_member(members(each), of)))]


def _texts(value: Any) -> list[str]:
    return [found for each in items(value) if (found := text_of(each))]


def _arn_of_configuration(resource: Resource) -> str | None:
    """The ARN by which other services call a resource whose own item has another id."""
    return next(
        (
            found
            for name in ("targetGroupArn", "loadBalancerArn", "autoScalingGroupARN")
            if (found := text_of(_member(resource.configuration, name)))
        ),
        None,
    )
