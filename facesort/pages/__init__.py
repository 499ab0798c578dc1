"""Web pages for those who get the photos: data to HTML, without a disk."""

from __future__ import annotations

from facesort.pages.gallery import event_page as event_page, person_page as person_page
from facesort.pages.records import Gallery as Gallery, Person as Person, Photo as Photo
