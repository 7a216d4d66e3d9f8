"""Trees of extensions, made for measuring.

Every extension has a chain of versions that inherit from each other; every service components, dependencies, a
configuration file and a script. Stack versions are empty and inherit from nobody, so that every extension fits each.
"""

from __future__ import annotations

from pathlib import Path

EXTENSION = """<?xml version="1.0"?>
<metainfo>
  <versions><active>true</active></versions>
  {extends}
  <auto-link>false</auto-link>
  <prerequisites>
    <min-stack-versions>
      <stack><name>HDP</name><version>1.0</version></stack>
      <stack><name>OTHER</name><version>2.0</version></stack>
    </min-stack-versions>
  </prerequisites>
</metainfo>
"""
COMPONENT = """
        <component>
          <name>{name}</name><displayName>Component {name}</displayName>
          <category>{category}</category><cardinality>1+</cardinality>
          <versionAdvertised>true</versionAdvertised>
          <dependencies>
            <dependency><name>HDFS/HDFS_CLIENT</name><scope>host</scope>
              <auto-deploy><enabled>true</enabled></auto-deploy></dependency>
            <dependency><name>YARN/YARN_CLIENT</name><scope>cluster</scope></dependency>
          </dependencies>
          <commandScript><script>scripts/{name}.py</script><scriptType>PYTHON</scriptType><timeout>600</timeout></commandScript>
          <customCommands>
            <customCommand><name>REBUILD</name>
              <commandScript><script>scripts/{name}.py</script><timeout>60</timeout></commandScript></customCommand>
          </customCommands>
          <logs><log><logId>{name}_log</logId><primary>true</primary></log></logs>
          <configFiles><configFile><type>env</type><fileName>{name}.sh</fileName>
            <dictionaryName>{name}-env</dictionaryName></configFile></configFiles>
        </component>"""
SERVICE = """<?xml version="1.0"?>
<metainfo>
  <schemaVersion>2.0</schemaVersion>
  <services>
    <service>
      <name>{name}</name><displayName>Service {name}</displayName>
      <comment>A service of version {version}, made for measuring</comment>
      <version>{version}</version>
      <components>{components}
      </components>
      <osSpecifics><osSpecific><osFamily>any</osFamily>
        <packages><package><name>{name}</name></package></packages></osSpecific></osSpecifics>
      <commandScript><script>scripts/service_check.py</script><scriptType>PYTHON</scriptType></commandScript>
      <requiredServices><service>ZOOKEEPER</service></requiredServices>
      <configuration-dependencies><config-type>{name}-site</config-type></configuration-dependencies>
    </service>
  </services>
</metainfo>
"""
PROPERTY = """
  <property>
    <name>{name}.property.{number}</name><value>{value}</value>
    <description>What it is for, at some length</description>
    <value-attributes><type>int</type><minimum>0</minimum><maximum>100000</maximum></value-attributes>
    <on-ambari-upgrade add="true"/>
  </property>"""


def make_tree(root: Path, names: int, versions: int, stacks: int, services: int = 2, properties: int = 10) -> None:
    """Write a tree of `names` extensions with a chain of `versions` each, and of `stacks` stack versions."""
    for stack in range(1, stacks + 1):
        write(root / f"stacks/HDP/{stack}.0/metainfo.xml", "<metainfo><versions/></metainfo>")
    for extension in range(names):
        for version in range(1, versions + 1):
            directory = root / f"extensions/EXT{extension}/{version}.0"
            extends = f"<extends>{version - 1}.0</extends>" if version > 1 else ""
            write(directory / "metainfo.xml", EXTENSION.format(extends=extends))
            for service in range(services):
                write_service(directory / f"services/S{service}", f"E{extension}S{service}", f"{version}.0", properties)


def write_service(directory: Path, name: str, version: str, properties: int) -> None:
    components = "".join(
        COMPONENT.format(name=f"{name}_{category}", category=category) for category in ("MASTER", "CLIENT")
    )
    write(directory / "metainfo.xml", SERVICE.format(name=name, version=version, components=components))
    body = "".join(PROPERTY.format(name=name, number=n, value=f"{version}-{n}") for n in range(properties))
    write(directory / f"configuration/{name}-site.xml", f"<configuration>{body}\n</configuration>\n")
    write(directory / "package/scripts/run.py", f"print({name!r}, {version!r})\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
