"""Validated, immutable settings, read from ``facesort.toml`` once and passed down."""

from facesort.settings.cluster_address import (
    checked_address as checked_address,
    is_this_machine as is_this_machine,
)
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
    Clips as Clips,
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
