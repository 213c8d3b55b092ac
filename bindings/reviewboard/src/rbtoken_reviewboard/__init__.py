"""A Review Board extension for API tokens.

SPDX-License-Identifier: MIT
"""
