import {
  HMSRoomProvider,
  selectIsConnectedToRoom,
  selectPeers,
  useHMSActions,
  useHMSStore,
  useVideo,
  type HMSPeer,
} from "@100mslive/react-sdk";
import { useEffect, useState } from "react";

import type { HmsCredentials } from "./api";
import { explain } from "./reasons";

export default function HmsCall({ credentials }: { credentials: HmsCredentials }) {
  return (
    <HMSRoomProvider>
      <Room credentials={credentials} />
    </HMSRoomProvider>
  );
}

function Room({ credentials }: { credentials: HmsCredentials }) {
  const actions = useHMSActions();
  const isConnected = useHMSStore(selectIsConnectedToRoom);
  const peers = useHMSStore(selectPeers);
  const [problem, setProblem] = useState<string>();

  useEffect(() => {
    // The user ID and the role are in the token. The name is not: it is a parameter of `join`.
    actions
      .join({ userName: credentials.display_name, authToken: credentials.token })
      .catch((reason: unknown) => setProblem(explain(reason)));
    return () => void actions.leave();
  }, [actions, credentials]);

  return (
    <>
      <p role="status">{problem ?? (isConnected ? "In the call" : "Connecting")}</p>
      {peers.map((peer) => (
        <Tile key={peer.id} peer={peer} />
      ))}
      {isConnected && <button onClick={() => void actions.leave()}>Leave the call</button>}
    </>
  );
}

function Tile({ peer }: { peer: HMSPeer }) {
  const { videoRef } = useVideo({ trackId: peer.videoTrack });
  return (
    <figure>
      <video ref={videoRef} autoPlay muted playsInline />
      <figcaption>{peer.name}</figcaption>
    </figure>
  );
}
