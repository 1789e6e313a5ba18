"""How operations are computed for all samples of ``vmap`` at once: the interpreter, its rules, a table of both."""
