// Calls a sandbox with the official server SDK, and prints the results as one JSON object.
// Argument: the URL of the sandbox. The SDK reads its keys from HMS_ACCESS_KEY and HMS_SECRET.
const { SDK } = require("@100mslive/server-sdk");

async function failure(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}

async function run(address) {
  const sdk = new SDK();
  sdk.setLogLevel(5); // silent: its log would mix with the result
  // The SDK has no setting for the URL of the API, but its HTTP client has.
  sdk.api.axios.defaults.baseURL = `${address}/v2`;

  const seen = {};
  seen.room = await sdk.rooms.create({ name: "from-the-sdk", description: "first" });
  seen.again = await sdk.rooms.create({ name: "FROM-the-sdk" });
  seen.retrieved = await sdk.rooms.retrieveById(seen.room.id);
  seen.byName = await sdk.rooms.retrieveByName("from-the-sdk");
  seen.updated = await sdk.rooms.update(seen.room.id, { description: "second" });

  seen.codes = await sdk.roomCodes.create(seen.room.id);
  seen.listedCodes = [];
  for await (const code of sdk.roomCodes.list(seen.room.id)) seen.listedCodes.push(code.code);
  seen.studentCode = await sdk.roomCodes.createForRole(seen.room.id, "student");
  seen.disabledCode = await sdk.roomCodes.enableOrDisable(seen.studentCode.code, false);

  for (let n = 0; n < 12; n++) await sdk.rooms.create({ name: `many-${n}` });
  seen.listed = [];
  for await (const room of sdk.rooms.list()) seen.listed.push(room.name);

  seen.endIdle = await failure(sdk.activeRooms.end(seen.room.id, { reason: "over" }));
  seen.disabled = await sdk.rooms.enableOrDisable(seen.room.id, false);
  seen.codesOfDisabled = await failure(sdk.roomCodes.create(seen.room.id));
  seen.unknownRoom = await failure(sdk.rooms.retrieveById("0123456789abcdef01234567"));
  seen.badTemplate = await failure(sdk.rooms.create({ template_id: "0123456789abcdef01234567" }));

  const other = new SDK(process.env.HMS_ACCESS_KEY, "another-secret-which-signs-nothing-here");
  other.api.axios.defaults.baseURL = `${address}/v2`;
  seen.wrongSecret = await failure(other.rooms.create({}));
  return seen;
}

run(process.argv[2]).then((seen) => process.stdout.write(JSON.stringify(seen)));
