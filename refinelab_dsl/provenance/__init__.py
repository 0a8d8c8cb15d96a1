"""What a run did, in a form that can be checked: writing, verifying, tracing and replaying its log."""

from refinelab_dsl.provenance.log import LogLine, LogWriter, read_log, read_trailer
from refinelab_dsl.provenance.render import dump_trace, render_trace
from refinelab_dsl.provenance.replay import Replayed, replay
from refinelab_dsl.provenance.rows import SourceFault, iterate_rows, iterate_source
from refinelab_dsl.provenance.trace import Trace, trace
from refinelab_dsl.provenance.verify import Verified, verify

__all__ = [
    "LogLine",
    "LogWriter",
    "Replayed",
    "SourceFault",
    "Trace",
    "Verified",
    "dump_trace",
    "iterate_rows",
    "iterate_source",
    "read_log",
    "read_trailer",
    "render_trace",
    "replay",
    "trace",
    "verify",
]
