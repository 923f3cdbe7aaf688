"""Tests of the HTTP interface; `stand_in` is the service that they run it on."""
