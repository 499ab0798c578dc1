"""Validated, immutable settings, read from ``facesort.toml`` once and passed down."""

from facesort.settings.toml_file import (
    change_sources as change_sources,
    load_settings as load_settings,
    save_settings as save_settings,
)
from facesort.settings.validation import (
    given_for_run as given_for_run,
    override as override,
    parse_settings as parse_settings,
    problems as problems,
)
from facesort.settings.values import (
    Backend as Backend,
    CalibrationSettings as CalibrationSettings,
    DerivativeSettings as DerivativeSettings,
    Distance as Distance,
    MatchingSettings as MatchingSettings,
    NearDuplicates as NearDuplicates,
    PhotoSettings as PhotoSettings,
    PrivacySettings as PrivacySettings,
    RunSettings as RunSettings,
    SeedSettings as SeedSettings,
    Settings as Settings,
    checked_name as checked_name,
)
