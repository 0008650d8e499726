// `pollux agent`: measures this host and sends what it finds to a Pollux elsewhere. With a one-time
// token it enrols first; from then on it knows who it is.

import os from 'node:os'
import { Command, Option } from 'commander'

export interface AgentCommandOptions {
  server?: string
  token?: string
  data: string
  every: string
  name: string
  ca?: string
  docker?: string
  verbose?: boolean
}

export function agentCommand(): Command {
  return new Command('agent')
    .description('measure this host for a Pollux elsewhere; enrols with a token, once')
    .addOption(
      new Option('--server <url>', 'where Pollux is: https://pollux.example').env(
        'POLLUX_AGENT_SERVER',
      ),
    )
    .addOption(
      new Option('--token <token>', 'of the page Agents; not needed again').env(
        'POLLUX_AGENT_TOKEN',
      ),
    )
    .addOption(
      new Option('--data <folder>', 'who this agent is, and what was not sent yet')
        .env('POLLUX_AGENT_DATA')
        .default('./pollux-agent'),
    )
    .option('--every <duration>', 'how often to measure', '10s')
    .option('--name <name>', 'of the device, when it enrols', os.hostname())
    .option('--ca <file>', 'certificate (PEM) of the authority that vouches for server and broker')
    .addOption(
      new Option('--docker [address]', "measure this host's containers too (off otherwise)")
        .env('POLLUX_AGENT_DOCKER')
        .preset('unix:///var/run/docker.sock'),
    )
    .option('--verbose', 'say more')
    .action(async (options: AgentCommandOptions) => {
      // Loaded only here: other commands start faster without it.
      const { runAgentCommand } = await import('./agent-run.ts')
      await runAgentCommand(options)
    })
}
