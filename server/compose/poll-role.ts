// The role poll: who measures. Pollers, the agent of this machine, sensors with words of their own, and the
// receivers of traps and syslog; one process has it, as each of them may be there once.

import type { SpoolingSender } from '../bus/sender.ts'
import type { Directory } from '../devices/directory.ts'
import type { Vault } from '../devices/vault.ts'
import type { Poller } from '../poll/contract.ts'
import type { Store } from '../store/contract.ts'
import type { Base, Connect } from './base.ts'
import type { Catalogues } from './catalogues.ts'
import { startLocalAgent, startPolling } from './polling.ts'
import { type Receivers, startReceivers } from './receivers.ts'
import { startSensors } from './sensors.ts'
import { ofSensors } from './set-aside.ts'

export interface PollRole {
  poller: Poller
  senders: Record<string, SpoolingSender>
  receivers: Receivers
}

export async function startPollRole(
  parts: Base & {
    connect: Connect
    directory: Directory
    store: Store
    vault: Vault
    catalogues: Catalogues
  },
): Promise<PollRole> {
  const { poller, sender: poll } = await startPolling(parts)
  const agent = await startLocalAgent(parts)
  const sensors = await startSensors({ ...parts, setAside: ofSensors(parts.refusals) })
  const pollNow = (device: string) => void poller.pollNow(device)
  const receivers = await startReceivers({ ...parts, pollNow })
  const senders = { poll, agent, sensors: sensors.sender, receivers: receivers.sender }
  return { poller, senders, receivers }
}
