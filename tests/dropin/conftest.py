"""The scripts are run by the tests, not collected."""

collect_ignore_glob = ["scripts/*"]
