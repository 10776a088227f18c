"""More callers at once than a process has connections: they wait their turn, none for ever."""

from concurrent.futures import ThreadPoolExecutor

from api.services import Services
from opsatlas.settings import Settings
from tests.api.asking import in_process


def test_sixteen_callers_get_their_suggestions_from_two_connections(any_settings: Settings) -> None:
    """A suggestion holds one connection and takes another for a moment."""
    with in_process(Services(any_settings.model_copy(update={"database_pool_size": 2}))) as api:
        api.post("/incidents", {"title": "Checkout 502", "workaround": "restart orders-api"})

        def ask(number: int) -> int:
            return api.post("/suggestions", {"text": f"checkout 502 {number}"}).status_code

        with ThreadPoolExecutor(16) as callers:
            assert set(callers.map(ask, range(64))) == {200}
