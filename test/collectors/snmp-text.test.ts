// Goal: a device cannot smuggle control, direction or endless text through its name.
import t from 'tap'
import { octetsToText } from '../../server/collectors/snmp-text.ts'
import { cleanLine, cleanText, deviceTextMax } from '../../server/model/text.ts'

t.equal(cleanText('Cisco IOS Software\r\nVersion 15.2\u0000'), 'Cisco IOS Software Version 15.2')
t.equal(cleanText('\u001b[31mred\u001b[0m \u202egnp.exe\u2066'), '[31mred [0m gnp.exe')
t.equal(cleanLine('\u001b[1;31mred\u001b[0m [ok] \u001b]0;title\u0007x'), 'red [ok] x')
t.equal(cleanLine('\u001b]never ends'), 'never ends')
t.equal(cleanText('Zürich \u0007 東京'), 'Zürich 東京')
t.equal(cleanText('\ud800broken'), '\ufffdbroken', 'lone surrogates are replaced')
t.equal(cleanText('x'.repeat(100_000)).length, deviceTextMax)
t.ok(cleanText('x'.repeat(100_000)).endsWith('…'))
t.ok(cleanText('😀'.repeat(1000), 10).isWellFormed(), 'cut between characters')
t.equal(octetsToText(Buffer.from('Zürich', 'utf8')), 'Zürich')
t.equal(octetsToText(Buffer.from('Zürich', 'latin1')), 'Zürich')
