"""Settings: environment variables `OPSATLAS_*` or a `.env` file. `opsatlas doctor` lists them."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from opsatlas.errors import ErrorItem, InvalidInputError

MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """Every setting of the product, with its default; sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="OPSATLAS_",
        env_file=".env",
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Path("./data")
    """Folder of everything that this installation keeps: database file, key pepper."""
    database_url: str = ""
    """SQLAlchemy URL, `sqlite:///…` or `postgresql://…`; empty: a file in `data_dir`."""
    sqlite_busy_timeout: float = Field(30.0, ge=0)
    """Seconds that a writer waits for another writer on SQLite before it gives up."""
    database_pool_size: int = Field(10, ge=1)
    """Connections that one process keeps open, and requests that it works on at once."""

    url: str = ""
    """Address of a running server (`http://…`); commands then work on it, not on the database."""
    api_key: SecretStr = SecretStr("")
    """Key that commands send to the server at `url`."""
    key_pepper: SecretStr = SecretStr("")
    """Secret that API keys are hashed with; empty: made once and kept in `data_dir/key-pepper`."""
    http_timeout: float = Field(60.0, gt=0)
    """Seconds that a command waits for the server at `url`."""

    host: str = "127.0.0.1"
    """Address that `opsatlas serve` listens on."""
    port: int = Field(8040, ge=0, le=65535)
    """Port that `opsatlas serve` listens on."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written (JSON lines on standard error)."""

    max_body_bytes: int = Field(1 * MEBIBYTE, ge=1024)
    """Largest JSON body that a route takes."""
    max_upload_bytes: int = Field(256 * MEBIBYTE, ge=1024)
    """Largest body of `POST /imports`, all its files together."""
    max_json_depth: int = Field(50, ge=2, le=500)
    """Deepest nesting of objects and lists in JSON, YAML and attributes."""
    max_page_limit: int = Field(1000, ge=1)
    """Largest `limit` of a list."""

    import_background_bytes: int = Field(2 * MEBIBYTE, ge=0)
    """Uploads larger than this are loaded by a job: the answer is 202 and a place to look."""
    import_max_problems: int = Field(500, ge=1)
    """Problems that an import report lists; all are counted."""
    import_max_changes: int = Field(1000, ge=1)
    """Changes, and services that they touch, that the plan of a dry run lists; all are counted."""
    import_max_records: int = Field(10_000_000, ge=1)
    """Records in one load."""
    import_max_retired_share: float = Field(0.2, ge=0, le=1)
    """Largest share of a source's CIs that one load with `missing=retire` may retire."""
    import_max_files: int = Field(10_000, ge=1)
    """Files in one load: those that are sent, and those in archives."""
    import_max_unpacked_bytes: int = Field(1024 * MEBIBYTE, ge=1024)
    """What the archives of one load may unpack to, together."""
    import_max_compression_ratio: int = Field(200, ge=2)
    """How many times its size an archive may unpack to."""
    identification_rules: str = ""
    """File (TOML or YAML) with your own rules by what CIs are recognised, over the shipped ones."""
    mapping_dir: str = ""
    """Folder with mappings of sources (`SOURCE.toml`); empty: `mappings` in `data_dir`."""

    sync_sources: str = ""
    """Systems that are pulled, by name: a JSON object, or the path of a file with one (sync.md)."""
    sync_max_tries: int = Field(6, ge=1, le=100)
    """Tries of one page before a run is interrupted."""
    sync_retry_pause: float = Field(1.0, gt=0)
    """Seconds before the second try of a page; doubled with each further one."""
    sync_max_pause: float = Field(300.0, gt=0)
    """Seconds that one try waits at most, also where `Retry-After` asks for more."""
    sync_timeout: float = Field(60.0, gt=0)
    """Seconds without a byte after which a system that is pulled has not answered."""
    sync_max_page_bytes: int = Field(64 * MEBIBYTE, ge=1024)
    """Largest page of a system that is pulled, unpacked."""

    health_rules: str = ""
    """File (TOML or YAML) with your own rules of health reports, laid over the shipped ones."""
    health_record_after_loads: bool = True
    """Whether a server keeps the numbers of the health report once a day, after a load."""

    impact_max_failed: int = Field(10_000, ge=1)
    """Failed CIs that one impact question may name."""
    impact_max_limit: int = Field(10_000, ge=1)
    """Largest `limit` of `/impact`: affected CIs that one answer lists."""
    impact_compile_from: int = Field(20_000, ge=0)
    """CIs from which on a server walks the graph by machine code, once that is compiled."""
    changes_max_assessed: int = Field(200, ge=1)
    """Changes that `/changes/assess` weighs together."""
    changes_max_analyses: int = Field(2_000, ge=0)
    """Combinations of changes that a search for conflicts analyses before it stops."""
    weak_points_budget: float = Field(30.0, gt=0)
    """Seconds that looking for single points of failure may take; what is left out is said so."""
    suspects_max_candidates: int = Field(20_000, ge=1)
    """CIs that one question for suspects considers, the nearest to the symptoms first."""
    suspects_max_seconds: float = Field(2.0, gt=0)
    """Seconds that suspects are weighed; then the best so far are the answer, `truncated`."""
    view_max_nodes: int = Field(100_000, ge=1)
    """CIs that one view of what a CI stands on covers, the nearest first."""
    graph_save: bool = True
    """Whether a large dependency graph is kept in a file in `data_dir`, for the next start."""
    priority_matrix: dict[str, dict[str, int]] = {
        "high": {"high": 1, "medium": 2, "low": 3},
        "medium": {"high": 2, "medium": 3, "low": 4},
        "low": {"high": 3, "medium": 4, "low": 5},
    }
    """Priority 1 to 5 by impact, then urgency (JSON); the default is the matrix of ITIL."""

    state_max_reports: int = Field(10_000, ge=1)
    """States that one `POST /states` may report."""
    state_max_bytes: int = Field(8 * MEBIBYTE, ge=1024)
    """Largest body of `POST /states`."""
    state_debounce: float = Field(10.0, ge=0)
    """Seconds that a service must hold a new state before an event tells of it; 0: none."""
    state_flap_changes: int = Field(5, ge=1)
    """More changes of a service's state than this within `state_flap_seconds` are flapping."""
    state_flap_seconds: float = Field(300.0, gt=0)
    """Seconds in which changes are counted, and that a flapping service must hold to settle."""
    state_interval: float = Field(1.0, gt=0)
    """Seconds between two looks of a server at what changed by itself, or in other processes."""
    events_keep: int = Field(10_000, ge=1)
    """Newest events that are kept for listeners who come back."""
    events_max_listeners: int = Field(100, ge=1)
    """Listeners to `/events` that one process serves at once."""
    events_heartbeat: float = Field(15.0, gt=0)
    """Seconds of silence after which `/events` sends a comment, and checks the listener's key."""

    embedding_model: str = "all-MiniLM-L6-v2"
    """Embedding model: the one of the installation, a folder, or a name in the local cache."""
    embedding_enabled: bool = True
    """Whether this process loads the model; without it every answer is lexical and says so."""
    embedding_runtime: Literal["auto", "onnx", "torch"] = "auto"
    """What runs it: `auto` is ONNX Runtime for the installation's own, PyTorch for any other."""
    embedding_precision: Literal["fp32", "int8"] = "fp32"
    """`int8` is quicker and less exact; all passages are encoded anew after a change."""
    embedding_threads: int = Field(0, ge=0, le=256)
    """Batches that are encoded at once, one core each; 0: one a core, at most four."""
    embedding_question_prompt: str = ""
    """What is put before each question; for another model that was made so (`query: `)."""
    embedding_document_prompt: str = ""
    """What is put before each passage; for another model that was made so (`passage: `)."""
    embedding_batch_size: int = Field(32, ge=1, le=1024)
    """Passages that are encoded and committed at a time."""
    embedding_grace: float = Field(604_800.0, ge=0, le=3_153_600_000)
    """Seconds that vectors of a model that no process wants any more are kept, for the way back."""
    search_passage_words: int = Field(120, ge=20, le=1000)
    """Words of one passage; longer texts are split."""
    search_candidates: int = Field(100, ge=10, le=10_000)
    """Documents that each ranker hands to the fusion."""
    vector_index: str = "auto"
    """How vectors are compared: `auto`, `flat`, `pq`, `ivf`, `hnsw`, `pgvector`, or a package's."""
    vector_precision: Literal["fp32", "fp16"] = "fp32"
    """How vectors are held in memory; `fp16` takes half, cosines differ from the fourth digit."""
    index_save: bool = True
    """Whether a large search index is kept in files in `data_dir`, for the next start."""
    suggest_max_text: int = Field(100_000, ge=100)
    """Longest `text` of a suggestion question, in characters."""
    duplicates_window: float = Field(259_200.0, gt=0, le=3_153_600_000)
    """Seconds that may lie between two open incidents of one trouble."""
    duplicates_looked_at: int = Field(200, ge=0, le=10_000)
    """Open incidents, the newest, among which a suggestion question looks for duplicates."""
    duplicates_grouped: int = Field(2_000, ge=1, le=20_000)
    """Open incidents, the newest, that `/incidents/groups` groups."""
    problems_window: float = Field(31_536_000.0, gt=0, le=3_153_600_000)
    """Seconds back to which incidents are looked at for problem candidates, unless said."""
    problems_max_incidents: int = Field(2_000, ge=2, le=20_000)
    """Incidents without a known error, the newest, that are compared for problem candidates."""

    job_poll_interval: float = Field(0.5, gt=0)
    """Seconds between two looks of the worker thread for jobs."""
    job_lease: float = Field(60.0, gt=0)
    """Seconds after which a job whose worker fell silent is taken over by another."""
    job_max_attempts: int = Field(5, ge=1)
    """Tries of a job before it is given up as failed."""
    revision_keep: int = Field(100_000, ge=1)
    """Newest rows of the change table that are kept; a cache older than them is rebuilt."""

    @model_validator(mode="after")
    def _check_urls(self) -> "Settings":
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError("OPSATLAS_URL must start with http:// or https://")
        return self

    @property
    def resolved_mapping_dir(self) -> Path:
        """`mapping_dir`, or the folder in `data_dir`."""
        return Path(self.mapping_dir) if self.mapping_dir else self.data_dir / "mappings"

    @property
    def resolved_database_url(self) -> str:
        """`database_url`, or the SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'opsatlas.db'}"


def load_settings() -> Settings:
    """Settings from the environment; raises InvalidInputError naming the variable and why."""
    try:
        return Settings()
    except ValidationError as error:
        items = [
            ErrorItem(
                pointer="OPSATLAS_" + "_".join(str(part) for part in item["loc"]).upper(),
                detail=item["msg"],
            )
            for item in error.errors()
        ]
        names = "; ".join(f"{item.pointer}: {item.detail}" for item in items)
        raise InvalidInputError(f"a setting is wrong: {names}", errors=items) from error
