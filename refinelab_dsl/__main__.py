"""`python -m refinelab_dsl` is `refinec`."""

from refinelab_dsl.cli.main import main

if __name__ == "__main__":
    main()
