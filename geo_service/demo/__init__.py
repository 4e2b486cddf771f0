"""The demo county: a fictional place in a valley of western Zhejiang, generated from a seed."""

from geo_service.demo.county import DEFAULT_SEED, DemoCounty, generate

__all__ = ["DEFAULT_SEED", "DemoCounty", "generate"]
