"""The HTTP service: an operator's pages, a tracker, plain REST, and the API of Amazon Rekognition.

The extra ``facesort[serve]``.  ``service`` is what all rooms share, ``app`` puts them together, ``server`` runs them.
"""
