// The command line: every command, its options and its exit code (0 good, 1 found a problem, 2
// wrong usage). The commands themselves are in cli/.

import { Command, CommanderError } from 'commander'
import { accountCommand } from './cli/account.ts'
import { agentCommand } from './cli/agent.ts'
import { backupCommand, restoreCommand } from './cli/backup.ts'
import { devicesCommand } from './cli/devices.ts'
import { doctorCommand } from './cli/doctor.ts'
import { fleetCommand } from './cli/fleet.ts'
import { mqttCommand } from './cli/mqtt.ts'
import { fail } from './cli/output.ts'
import { profilesCommand } from './cli/profiles.ts'
import { secretCommand } from './cli/secret.ts'
import { demoCommand, migrateCommand, serveCommand } from './cli/serve.ts'
import { tokenCommand } from './cli/token.ts'
import { userCommand } from './cli/user.ts'
import { VERSION } from './version.ts'

const program = new Command('pollux')
  .description('Infrastructure monitor: SNMP, Docker and hosts over MQTT, seen on pages.')
  .version(VERSION)
  .showHelpAfterError()
  .exitOverride()

for (const command of [
  serveCommand(),
  demoCommand(),
  migrateCommand(),
  agentCommand(),
  accountCommand(),
  userCommand(),
  tokenCommand(),
  devicesCommand(),
  profilesCommand(),
  secretCommand(),
  fleetCommand(),
  mqttCommand(),
  backupCommand(),
  restoreCommand(),
  doctorCommand(),
]) {
  program.addCommand(inherit(command))
}

/** Subcommands throw rather than exit, so that the exit codes are decided in one place. */
function inherit(command: Command): Command {
  command.exitOverride().showHelpAfterError()
  for (const sub of command.commands) inherit(sub)
  return command
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else fail(error)
}
