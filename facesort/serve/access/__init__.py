"""Who may ask: the token, signatures, Host and Origin."""

from __future__ import annotations

from facesort.serve.access.token import has_token as has_token, required as required
