"""What an operator may set, and how it is refused."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from geo_service.settings import Settings, default_home

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("GEO_SERVICE_")]:
        monkeypatch.delenv(name)


def test_defaults_are_safe():
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.is_embedded
    assert settings.external_url is None


def test_home_is_that_of_the_checkout_from_whatever_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert default_home() == ROOT / ".local" == Settings().home


def test_a_given_home_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEO_SERVICE_HOME", "some where")
    assert Settings().home == tmp_path / "some where"


def test_an_empty_variable_is_no_value(monkeypatch):
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", "")
    monkeypatch.setenv("GEO_SERVICE_PORT", "")
    assert Settings().is_embedded
    assert Settings().port == 8000


@pytest.mark.parametrize(
    ("given", "password", "address"),
    [
        ("postgresql://u:p@h:5/d?sslmode=require", None, "postgresql://u:p@h:5/d?sslmode=require"),
        ("postgres://u@h/d", None, "postgresql://u@h/d"),
        ("postgresql+psycopg://u@h/d", "a:b/c@d e", "postgresql://u:a%3Ab%2Fc%40d%20e@h/d"),
        ("postgresql://u:own@h/d", "other", "postgresql://u:own@h/d"),
        ("postgresql:///d?host=/run/postgresql", "p", "postgresql:///d?host=/run/postgresql"),
    ],
)
def test_address_of_an_own_database(given, password, address):
    settings = Settings(database_url=given, database_password=password)
    assert settings.external_url == address
    assert not settings.is_embedded


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"port": 70000},
        {"workers": 0},
        {"read_pool_size": 0},
        {"pool_timeout_s": 0},
        {"statement_timeout_ms": -1},
        {"log_level": "loud"},
        {"database_url": "mysql://root:hunter2@h/d"},
    ],
)
def test_nonsense_is_refused_and_secrets_stay_secret(wrong):
    with pytest.raises(ValidationError) as refused:
        Settings(**wrong)
    assert "hunter2" not in str(refused.value)


def test_passwords_are_not_shown():
    settings = Settings(database_url="postgresql://u:hunter2@h/d", database_password="hunter2")
    assert "hunter2" not in repr(settings) + str(settings.model_dump())


def test_trusted_proxies_are_addresses_and_networks(monkeypatch):
    assert Settings().trusted_proxies == "127.0.0.1/32"
    monkeypatch.setenv("GEO_SERVICE_TRUSTED_PROXIES", " 10.0.0.7, 172.16.0.0/12,fd00::/8 ")
    assert Settings().trusted_proxies == "10.0.0.7/32,172.16.0.0/12,fd00::/8"


@pytest.mark.parametrize("text", ["*", "proxy.example", "10.0.0.0/99"])
def test_a_proxy_that_is_no_address_is_refused(monkeypatch, text):
    monkeypatch.setenv("GEO_SERVICE_TRUSTED_PROXIES", text)
    with pytest.raises(ValidationError):
        Settings()
