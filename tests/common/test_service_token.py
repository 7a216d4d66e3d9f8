from __future__ import annotations

from pathlib import Path

from graft_common.service_token import find_service_token, service_token
from graft_common.settings import Settings


def test_a_token_is_found_once_a_service_has_made_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert find_service_token(settings) == ""
    assert not settings.data_dir.exists()
    made = service_token(settings)
    assert made
    assert find_service_token(settings) == made == service_token(settings)


def test_a_token_that_was_set_is_the_token(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", service_token="set")
    assert find_service_token(settings) == service_token(settings) == "set"
    assert not settings.data_dir.exists()
