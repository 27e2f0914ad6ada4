import { useEffect, useState } from "react";
import { Text, View } from "react-native";
import { ChannelProfileType, createAgoraRtcEngine, type IRtcEngineEventHandler, RtcSurfaceView } from "react-native-agora";

import { AccessDenied, type AgoraCredentials, join } from "./api";

const RENEW_AFTER = 0.6; // of the lifetime of a token
const RETRY_MS = 5_000;

export function AgoraCall({ credentials, bookingId }: { credentials: AgoraCredentials; bookingId: string }) {
  const [state, setState] = useState("Connecting");
  const [people, setPeople] = useState<number[]>([]);

  useEffect(() => {
    const engine = createAgoraRtcEngine();
    const publishes = credentials.role !== "subscriber";
    let timer: ReturnType<typeof setTimeout>;

    // Renew well before the end. Access is decided again: a person who may no longer join gets no token.
    const renewAfter = ({ expires_at }: AgoraCredentials) => {
      const lifetimeMs = new Date(expires_at).getTime() - Date.now();
      timer = setTimeout(() => void renew(), lifetimeMs * RENEW_AFTER);
    };
    const renew = async () => {
      try {
        const renewed = (await join(bookingId)) as AgoraCredentials;
        engine.renewToken(renewed.token);
        renewAfter(renewed);
      } catch (problem) {
        if (!(problem instanceof AccessDenied)) timer = setTimeout(() => void renew(), RETRY_MS);
      }
    };

    const handler: IRtcEngineEventHandler = {
      onJoinChannelSuccess: () => setState("In the call"),
      onUserJoined: (_, uid) => setPeople((known) => [...new Set([...known, uid])]),
      onUserOffline: (_, uid) => setPeople((known) => known.filter((each) => each !== uid)),
      onError: () => setState("The call failed."),
    };
    engine.initialize({ appId: credentials.app_id });
    engine.registerEventHandler(handler);
    engine.enableVideo();
    // The channel, the token, and the uid belong together: another uid is refused.
    engine.joinChannel(credentials.token, credentials.channel, credentials.uid, {
      channelProfile: ChannelProfileType.ChannelProfileCommunication,
      publishCameraTrack: publishes,
      publishMicrophoneTrack: publishes,
    });
    renewAfter(credentials);
    return () => {
      clearTimeout(timer);
      engine.leaveChannel();
      engine.unregisterEventHandler(handler);
      engine.release();
    };
  }, [credentials, bookingId]);

  return (
    <View>
      <Text>{state}</Text>
      {/* uid 0 is the person who uses this device. */}
      {[0, ...people].map((uid) => (
        <RtcSurfaceView key={uid} canvas={{ uid }} style={{ width: 320, height: 240 }} />
      ))}
    </View>
  );
}
