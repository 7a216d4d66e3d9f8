"""Runs GREETER_SERVER.

An Ambari agent calls this file as `greeter.py COMMAND command.json ...`, and the method of the command's name carries
it out. `Fail` or any other exception makes a command fail; `status` raises ComponentIsNotRunning where nothing runs.
"""

from resource_management.core.resources.system import Directory, Execute, File
from resource_management.libraries.functions.check_process_status import check_process_status
from resource_management.libraries.script.script import Script

# Your program, in the foreground; it is started below, and its settings are in CONFIGURATION.
PROGRAM = "sleep 1000000000"

CONFIGURATION = "/etc/greeter/greeter.properties"
LOG = "/var/log/greeter/greeter.log"
PID = "/var/run/greeter/greeter.pid"


class GreeterServer(Script):
    def install(self, env):
        # The packages that <osSpecifics> in metainfo.xml names, if it names any.
        self.install_packages(env)
        self.configure(env)

    def configure(self, env):
        settings = Script.get_config()["configurations"]["greeter-site"]
        for path in (CONFIGURATION, LOG, PID):
            Directory(path.rpartition("/")[0], create_parents=True)
        lines = ["{0}={1}\n".format(name, settings[name]) for name in sorted(settings)]
        File(CONFIGURATION, content="".join(lines), mode=0o644)

    def start(self, env):
        self.configure(env)
        Execute(
            "nohup {0} >> {1} 2>&1 < /dev/null & echo $! > {2}".format(PROGRAM, LOG, PID),
            not_if="test -f {0} && ps -p `cat {0}` > /dev/null".format(PID),
        )

    def stop(self, env):
        Execute("kill `cat {0}`".format(PID), only_if="test -f {0} && ps -p `cat {0}` > /dev/null".format(PID))
        File(PID, action="delete")

    def status(self, env):
        check_process_status(PID)


if __name__ == "__main__":
    GreeterServer().execute()
