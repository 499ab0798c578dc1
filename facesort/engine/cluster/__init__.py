"""More than one machine: workers elsewhere behind the same executor as the local pool's, over Dask."""
