"""Settings: every one explains itself, and a wrong one is named."""

from pathlib import Path

import pytest

from opsatlas.errors import InvalidInputError
from opsatlas.field_docs import attribute_docs
from opsatlas.settings import Settings, load_settings


def test_every_setting_explains_itself() -> None:
    silent = Settings.model_fields.keys() - attribute_docs(Settings)
    assert silent == set()


def test_the_database_is_a_file_in_the_data_folder_unless_said(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'opsatlas.db'}"


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSATLAS_PORT", "eighty")
    with pytest.raises(InvalidInputError, match="OPSATLAS_PORT: .*integer"):
        load_settings()


def test_a_setting_may_come_from_a_dotenv_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("OPSATLAS_PORT=9999\n", encoding="utf-8")
    assert load_settings().port == 9999
