"""Every table of every room, so that the metadata is whole when it is compared or migrated."""

import api.models
import cmdb.decision_models
import cmdb.health_models
import cmdb.live_models
import cmdb.models
import cmdb.pulling.models
import kb.models
import opsatlas.audit
import opsatlas.jobs
import opsatlas.revision
import search.models
import search.space_models
from opsatlas.db.model import Model

ROOMS = (
    api.models,
    cmdb.decision_models,
    cmdb.health_models,
    cmdb.live_models,
    cmdb.models,
    cmdb.pulling.models,
    kb.models,
    opsatlas.audit,
    opsatlas.jobs,
    opsatlas.revision,
    search.models,
    search.space_models,
)
METADATA = Model.metadata
