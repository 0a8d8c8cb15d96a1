"""Data files to a proposed spec: what `refinec init --from` does. It reads data as `plan` does and writes text; no
stage of the compiler is needed for it but the words of the language."""

from refinelab_dsl.propose.infer import infer
from refinelab_dsl.propose.inference import Inference
from refinelab_dsl.propose.write import Reach, list_doubts, write_spec

__all__ = ["Inference", "Reach", "infer", "list_doubts", "write_spec"]
