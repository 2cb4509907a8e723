"""The reference experiment beside a sound one."""
