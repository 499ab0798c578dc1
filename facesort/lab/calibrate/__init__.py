"""What the cells of ``02_calibrate`` call."""

from facesort.lab.calibrate.cells import (
    conclude as conclude,
)
from facesort.lab.calibrate.cells import (
    open_calibration as open_calibration,
)
from facesort.lab.calibrate.cells import (
    show_apply as show_apply,
)
from facesort.lab.calibrate.cells import (
    show_controls as show_controls,
)
from facesort.lab.calibrate.cells import (
    show_curves as show_curves,
)
from facesort.lab.calibrate.cells import (
    show_data as show_data,
)
from facesort.lab.calibrate.cells import (
    show_distances as show_distances,
)
from facesort.lab.calibrate.cells import (
    show_rates as show_rates,
)
from facesort.lab.calibrate.cells import (
    show_suggestion as show_suggestion,
)
from facesort.lab.calibrate.source_cells import (
    look_at_source as look_at_source,
)
from facesort.lab.calibrate.source_cells import (
    show_between as show_between,
)
from facesort.lab.calibrate.source_cells import (
    show_crowd as show_crowd,
)
from facesort.lab.calibrate.source_cells import (
    show_forecast as show_forecast,
)
