# SPDX-License-Identifier: Apache-2.0
"""Removes what labs left whose owner was killed."""
import lab

lab.sweep_stale()
