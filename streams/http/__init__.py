"""The service over HTTP (contract, section 5): events in, leads and decisions out.

Nothing is decided here. What comes in is read within limits, decoded, admitted
and handed to the writer; what goes out is read from the store.
"""
