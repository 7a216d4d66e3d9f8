"""The resources of Ambari's REST interface, one module for each family; `gateway.ambari.table` puts them together."""
