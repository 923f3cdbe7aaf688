"""The router aggregate: who works which lead. One writer, because only one can be fair."""
