"""Folium maps that ask for nothing outside."""
