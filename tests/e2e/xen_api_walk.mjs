// Uses npm xen-api as it is against a platform, and prints what it has seen as one line of JSON for each transport.
// Arguments: the folder in which xen-api is installed, and the platform's URL; standard input: {user, password}.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder, url] = process.argv.slice(2)
const auth = JSON.parse(readFileSync(0, 'utf8'))
const require = createRequire(pathToFileURL(folder + '/'))
const { createClient } = await import(pathToFileURL(folder + '/node_modules/xen-api/index.mjs'))
const { CancelToken } = require('promise-toolbox')

const NO_FAILURE = 'no failure'
const failureOf = async promise => {
  try {
    await promise
  } catch (error) {
    return error.params === undefined ? String(error.message) : [error.code, ...error.params]
  }
  return NO_FAILURE
}

const client = (transport, more) => createClient({ url, auth, transport, watchEvents: false, ...more })

async function calls(transport) {
  const xapi = client(transport)
  await xapi.connect()
  const { sessionId } = xapi
  const pool = xapi.pool.$ref
  const task = await xapi.call('Async.Walk.echo', 'x')
  const other = client(transport, { auth: { sessionId } })
  await other.connect()
  const seen = {
    status: xapi.status,
    echo: await xapi.call('Walk.echo', 5, -1, 'text & <more>', true, false, 1.5, null, ['a', []], { k: { l: 'm' } }, ''),
    failure: await failureOf(xapi.call('Walk.fail')),
    unknown: await failureOf(xapi.call('Walk.unknown')),
    handle: await failureOf(xapi.getRecord('task', 'OpaqueRef:none')),
    session: await failureOf(xapi.call('session.logout')),
    isTask: task.startsWith('OpaqueRef:'),
    pool: (await xapi.getRecord('pool', pool)).uuid === xapi.pool.uuid,
    byUuid: (await xapi.getRecordByUuid('pool', xapi.pool.uuid)).$ref === pool,
    master: (await xapi.getField('pool', pool, 'master')) === xapi.pool.master,
    hosts: (await xapi.getAllRecords('host')).map(host => host.$ref),
    shared: await other.call('Walk.echo', 'y'),
    wrong: await failureOf(client(transport, { auth: { ...auth, password: 'wrong' } }).connect()),
  }
  seen.hosts = seen.hosts.includes(xapi.pool.master)
  await xapi.disconnect()
  seen.disconnected = xapi.status
  // The library does not wait for the logout.
  do {
    seen.loggedOut = await failureOf(other.call('Walk.echo', 'z'))
  } while (seen.loggedOut === NO_FAILURE)
  return seen
}

for (const transport of ['auto', 'json-rpc', 'xml-rpc']) {
  console.log(JSON.stringify({ transport, ...(await calls(transport)) }))
}
process.exit(0)
