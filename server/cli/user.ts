// `pollux user`: add a person, set a password.

import { Command, Option } from 'commander'
import { createAudit } from '../audit.ts'
import { addUser } from '../auth/auth.ts'
import { hashPassword, makePassword } from '../auth/passwords.ts'
import { AppError } from '../model/errors.ts'
import { ROLES, type Role } from '../model/user.ts'
import { CLI_ACTOR, withStore } from './open.ts'
import { print, printJson } from './output.ts'

export function userCommand(): Command {
  const command = new Command('user').description('people who may sign in')
  command
    .command('add')
    .description('add a user; the password is made and printed once')
    .requiredOption('--name <name>', 'name to sign in with')
    .addOption(
      new Option('--role <role>', 'what the user may do').choices([...ROLES]).default('technician'),
    )
    .option('--json', 'answer as JSON')
    .action((options: { name: string; role: Role; json?: boolean }) =>
      withStore(async ({ store }) => {
        const { user, password } = await addUser(store.users, {
          name: options.name,
          role: options.role,
          password: null,
          at: Date.now(),
        })
        await createAudit(store.audit).record(CLI_ACTOR, 'user.create', `user:${user.name}`, {
          after: { role: user.role },
        })
        if (options.json) printJson({ name: user.name, role: user.role, password })
        else print(`user ${user.name} (${user.role}), password: ${password}`)
      }),
    )
  command
    .command('passwd')
    .description('give a user a new password, printed once; ends all sessions')
    .requiredOption('--name <name>', 'name of the user')
    .option('--json', 'answer as JSON')
    .action((options: { name: string; json?: boolean }) =>
      withStore(async ({ store }) => {
        const user = await store.users.byName(options.name)
        if (!user) throw new AppError('E_USER_UNKNOWN', `there is no user "${options.name}"`)
        const password = makePassword()
        await store.users.setPassword(user.id, await hashPassword(password))
        await store.users.endSessions(user.id)
        await createAudit(store.audit).record(CLI_ACTOR, 'user.password', `user:${user.name}`)
        if (options.json) printJson({ name: user.name, password })
        else print(`new password of ${user.name}: ${password}`)
      }),
    )
  command
    .command('totp-off')
    .description('switch off the second step of a user who lost phone and recovery codes')
    .requiredOption('--name <name>', 'name of the user')
    .action((options: { name: string }) =>
      withStore(async ({ store }) => {
        const user = await store.users.byName(options.name)
        if (!user) throw new AppError('E_USER_UNKNOWN', `there is no user "${options.name}"`)
        await store.users.setTotp(user.id, null)
        await createAudit(store.audit).record(CLI_ACTOR, 'user.totp-off', `user:${user.name}`)
        print(`${user.name} signs in by the password alone`)
      }),
    )
  return command
}
