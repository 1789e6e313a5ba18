"""Operations on all samples of ``vmap`` at once: the interpreter, the batching rules, and their table."""
