"""Fuzz targets for the parsers in Python; those in Rust are in rust/fuzz. `make fuzz` runs both.

A target is a function of octets that returns when all is well and raises when not. What is in seeds/NAME is where
fuzzing starts, and every finding ends there: test_seeds runs each of them.
"""
