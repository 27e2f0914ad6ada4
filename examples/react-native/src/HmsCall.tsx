import {
  HMSConfig,
  HMSSDK,
  type HMSTrack,
  HMSTrackType,
  HMSTrackUpdate,
  HMSUpdateListenerActions,
} from "@100mslive/react-native-hms";
import { useEffect, useState } from "react";
import { Text, View } from "react-native";

import type { HmsCredentials } from "./api";

export function HmsCall({ credentials }: { credentials: HmsCredentials }) {
  const [sdk, setSdk] = useState<HMSSDK>();
  const [state, setState] = useState("Connecting");
  const [videos, setVideos] = useState<string[]>([]);

  useEffect(() => {
    const building = HMSSDK.build().then(async (built) => {
      built.addEventListener(HMSUpdateListenerActions.ON_JOIN, () => setState("In the call"));
      built.addEventListener(HMSUpdateListenerActions.ON_ERROR, () => setState("The call failed."));
      built.addEventListener(HMSUpdateListenerActions.ON_REMOVED_FROM_ROOM, () => setState("The call has ended."));
      built.addEventListener(
        HMSUpdateListenerActions.ON_TRACK_UPDATE,
        ({ track, type }: { track: HMSTrack; type: HMSTrackUpdate }) => {
          if (track.type !== HMSTrackType.VIDEO) return;
          if (type === HMSTrackUpdate.TRACK_ADDED) setVideos((known) => [...new Set([...known, track.trackId])]);
          if (type === HMSTrackUpdate.TRACK_REMOVED) setVideos((known) => known.filter((id) => id !== track.trackId));
        },
      );
      setSdk(built);
      // The user ID and the role are in the token. The name is not: it is a parameter of `join`.
      await built.join(new HMSConfig({ username: credentials.display_name, authToken: credentials.token }));
      return built;
    });
    building.catch(() => setState("The call failed."));
    return () => {
      void building.then(
        async (built) => {
          await built.leave();
          await built.destroy();
        },
        () => undefined,
      );
    };
  }, [credentials]);

  return (
    <View>
      <Text>{state}</Text>
      {sdk && videos.map((id) => <sdk.HmsView key={id} trackId={id} style={{ width: 320, height: 240 }} />)}
    </View>
  );
}
