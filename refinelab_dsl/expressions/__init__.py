"""`fields`, `where`, `accept` and `assert`: one small pure language, one evaluator."""

from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Expression, ListOf, Name, Scalar, Unary

__all__ = ["Binary", "Call", "Constant", "Expression", "ListOf", "Name", "Scalar", "Unary"]
