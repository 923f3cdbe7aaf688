"""From rows of a CRM export to events, by a declarative mapping (`docs/import.md`).

`loading` reads the mapping file into `model`; `reading` takes the export apart
into rows; `applying` makes a row's events; `scratch` knows which ids were there
before and puts events in order; `importing` runs the whole. A row is taken
whole or refused whole, and a refused row never stops the ones after it.
"""
