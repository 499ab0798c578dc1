"""AWS' own command line, with nothing but ``--endpoint-url``: index, search, users, delete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from drawn_service import CREDENTIALS, Live, drawn

AWS = Path(sys.executable).with_name("aws")


class Aws:
    """``aws rekognition``, on a machine where nothing is set up but the credentials in the environment."""

    def __init__(self, url: str, home: Path) -> None:
        self._url, self._home = url, home

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(AWS), "--endpoint-url", self._url, "rekognition", *arguments],
            env={
                "HOME": str(self._home),
                "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key_id,
                "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret,
                "AWS_DEFAULT_REGION": "eu-central-1",
            },
            cwd=self._home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--collection-id", "wedding")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_command_line_of_aws(live: Live, tmp_path: Path) -> None:
    (tmp_path / "group.jpg").write_bytes(drawn(1, 2))
    (tmp_path / "selfie.jpg").write_bytes(drawn(1))
    aws = Aws(live.url, tmp_path)

    made = aws("create-collection")
    assert made["CollectionArn"].endswith(":collection/wedding")
    indexed = aws(
        "index-faces", "--image-bytes", "fileb://group.jpg", "--external-image-id", "group.jpg"
    )
    faces = [record["Face"] for record in indexed["FaceRecords"]]
    first, other = sorted(faces, key=lambda face: face["BoundingBox"]["Left"])
    assert first["ExternalImageId"] == "group.jpg"

    found = aws("search-faces-by-image", "--image-bytes", "fileb://selfie.jpg")
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [first["FaceId"]]
    assert aws("search-faces", "--face-id", first["FaceId"])["FaceMatches"] == []

    assert aws("create-user", "--user-id", "ann") is None
    given = aws("associate-faces", "--user-id", "ann", "--face-ids", first["FaceId"])
    assert given["AssociatedFaces"] == [{"FaceId": first["FaceId"]}]
    matches = aws("search-users-by-image", "--image-bytes", "fileb://selfie.jpg")["UserMatches"]
    assert [match["User"]["UserId"] for match in matches] == ["ann"]

    aws("delete-user", "--user-id", "ann")
    deleted = aws("delete-faces", "--face-ids", first["FaceId"], other["FaceId"])
    assert set(deleted["DeletedFaces"]) == {first["FaceId"], other["FaceId"]}
    assert aws("list-faces", "--page-size", "1")["Faces"] == []
    assert aws("delete-collection") == {"StatusCode": 200}

    gone = aws.run("describe-collection", "--collection-id", "wedding")
    assert gone.returncode != 0
    assert "(ResourceNotFoundException)" in gone.stderr and "wedding" in gone.stderr
