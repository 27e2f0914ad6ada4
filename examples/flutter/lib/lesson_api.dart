import 'dart:convert';

import 'package:http/http.dart' as http;

/// Credentials for the SDK of the vendor that this lesson uses.
sealed class Credentials {
  Credentials(Map<String, dynamic> json)
      : displayName = json['display_name'] as String,
        role = json['role'] as String,
        expiresAt = DateTime.parse(json['expires_at'] as String);

  final String displayName;
  final String role;
  final DateTime expiresAt;
}

class HmsCredentials extends Credentials {
  HmsCredentials(super.json) : token = json['token'] as String;

  final String token;
}

class AgoraCredentials extends Credentials {
  AgoraCredentials(super.json)
      : appId = json['app_id'] as String,
        channel = json['channel'] as String,
        token = json['token'] as String,
        uid = json['uid'] as int;

  final String appId;
  final String channel;
  final String token;
  final int uid;
}

/// Why a person cannot join now. Show your own words for [reason].
class AccessDenied implements Exception {
  AccessDenied(Map<String, dynamic> json)
      : mustWait = json['decision'] == 'wait',
        reason = json['reason'] as String,
        retryAfter = Duration(seconds: json['retry_after'] as int? ?? 5);

  /// Whether it makes sense to ask again after [retryAfter].
  final bool mustWait;
  final String reason;
  final Duration retryAfter;
}

/// The requests of this app to your own backend.
class LessonApi {
  LessonApi(this._backend, this._client);

  final Uri _backend;

  /// Sends the session of the user who is signed in.
  final http.Client _client;

  Future<Credentials> join(String bookingId) async {
    final json = await _post(bookingId, 'join');
    return switch (json['type']) {
      '100ms_token' => HmsCredentials(json),
      'agora_token' => AgoraCredentials(json),
      final type => throw FormatException('Unknown credentials', type),
    };
  }

  /// The URL of the hosted page for this person.
  Future<Uri> createLink(String bookingId) async {
    final json = await _post(bookingId, 'link');
    return Uri.parse(json['url'] as String);
  }

  Future<Map<String, dynamic>> _post(String bookingId, String action) async {
    final path = '/bookings/${Uri.encodeComponent(bookingId)}/$action';
    final response = await _client.post(_backend.resolve(path));
    if (response.statusCode == 403) {
      throw AccessDenied(jsonDecode(utf8.decode(response.bodyBytes)) as Map<String, dynamic>);
    }
    if (response.statusCode != 200) {
      throw http.ClientException('Status ${response.statusCode}', response.request?.url);
    }
    return jsonDecode(utf8.decode(response.bodyBytes)) as Map<String, dynamic>;
  }
}
