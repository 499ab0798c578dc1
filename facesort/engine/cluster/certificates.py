"""Certificates of a cluster: made once, read by each of its processes.

What travels between the machines is unpickled there, so whoever has one of the keys runs code on all of them.  The
authority's own key is never written: nobody can add another one later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from distributed.security import Security

from facesort.errors import ClusterError, because
from facesort.files import open_regular, sync_folder, write_synced

AUTHORITY = "ca.pem"
_MAKE = "make new ones with `facesort cluster certificates` and copy them to every machine"
_CLOCKS = timedelta(days=1)  # by how much a machine's clock may be behind
_LARGEST = 1 << 16  # bytes of a file; ours have one thousand


class Role(StrEnum):
    """What a process is to its cluster."""

    SCHEDULER = "scheduler"
    WORKER = "worker"
    CLIENT = "client"

    @property
    def file(self) -> str:
        """Name of the file with its certificate and key."""
        return f"{self}.pem"


def make_certificates(folder: Path, days: int) -> datetime:
    """Write an authority's certificate, and one with its key for each role; only their owner can read them.

    Returns
    -------
    datetime
        Until when they are valid; UTC.

    Raises
    ------
    ClusterError
        If one of the files is there already, which stays as it is, or the folder cannot be written.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    begin, end = now - _CLOCKS, now + timedelta(days=days)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("authority")
    files = {AUTHORITY: _pem(_signed(issuer, authority.public_key(), authority, begin, end))}
    for role in Role:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(_name(role), key.public_key(), authority, begin, end, role)
        files[role.file] = _pem(certificate) + _key_pem(key)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in files:
            if (folder / name).exists():
                raise FileExistsError(name)
        for name, data in files.items():
            write_synced(folder / name, data, private=True)
        sync_folder(folder)
    except FileExistsError as error:
        raise ClusterError(
            f"{folder} has certificates already, which stay as they are: choose another folder"
        ) from error
    except OSError as error:
        raise ClusterError(f"{folder} cannot be written {because(error)}") from error
    return end


def read_certificates(folder: Path, role: Role) -> Security:
    """The certificates of one role, for Dask; what is wrong with them is found before anything is connected.

    Raises
    ------
    ClusterError
        If a file is missing or damaged, is of another authority, or is not valid now.
    """
    authority, own = folder / AUTHORITY, folder / role.file
    trusted = _certificate(authority, role)
    certificate = _certificate(own, role)
    try:
        key = serialization.load_pem_private_key(_read(own, role), password=None)
    except ValueError as error:
        raise ClusterError(f"{own} holds no key: {_MAKE}") from error
    try:
        certificate.verify_directly_issued_by(trusted)
        if key.public_key() != certificate.public_key():
            raise ValueError
    except (ValueError, TypeError, InvalidSignature) as error:
        raise ClusterError(
            f"{own} does not belong to {authority}: copy both from the same folder"
        ) from error
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        raise ClusterError(
            f"{own} was valid until {_day(certificate.not_valid_after_utc)}: {_MAKE}"
        )
    if now < certificate.not_valid_before_utc:
        raise ClusterError(
            f"{own} is valid from {_day(certificate.not_valid_before_utc)} on: set this machine's clock"
        )
    return Security(
        require_encryption=True,
        tls_ca_file=str(authority),
        **{f"tls_{role}_cert": str(own), f"tls_{role}_key": None},
    )


def _read(path: Path, role: Role) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read(_LARGEST)
    except FileNotFoundError as error:
        raise ClusterError(
            f"{path} is missing: a {role} needs {AUTHORITY} and {role.file}, of `facesort cluster certificates`"
        ) from error
    except OSError as error:
        raise ClusterError(f"{path} cannot be read {because(error)}") from error


def _certificate(path: Path, role: Role) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path, role))
    except ValueError as error:
        raise ClusterError(f"{path} is no certificate: copy it again, or {_MAKE}") from error


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    authority: ec.EllipticCurvePrivateKey,
    begin: datetime,
    end: datetime,
    role: Role | None = None,
) -> x509.Certificate:
    """A certificate; without a role, the authority's own.

    No names or addresses of machines: Dask compares the authority only, whatever a certificate says.
    """
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    built = (
        x509.CertificateBuilder(_name("authority"), subject, key, x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(signer, critical=False)
        .add_extension(
            x509.BasicConstraints(role is None, 0 if role is None else None), critical=True
        )
    )
    if role is not None:  # a client is nobody's server: its key cannot pose as the scheduler's
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if role is not Role.CLIENT:
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        built = built.add_extension(x509.ExtendedKeyUsage(uses), critical=True)
    return built.sign(authority, hashes.SHA256())


def _name(of: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"facesort {of}")])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
