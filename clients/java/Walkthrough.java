import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.BookingsApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.model.AccessCheckInput;
import org.openapitools.client.model.BookingInput;
import org.openapitools.client.model.CallActorInput;
import org.openapitools.client.model.CallEndedEvent;
import org.openapitools.client.model.Event;
import org.openapitools.client.model.HmsTokenCredentials;
import org.openapitools.client.model.JoinInput;
import org.openapitools.client.model.LinkInput;
import org.openapitools.client.model.ParticipantInput;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.SessionKind;

/** The tutorial with the Java client of OpenAPI Generator. Reads VIDEOBROKER_URL and VIDEOBROKER_API_KEY. */
public final class Walkthrough {
    private static final String LESSON = "lesson-java";

    private Walkthrough() {}

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("VIDEOBROKER_URL"));
        String authorization = "Bearer " + System.getenv("VIDEOBROKER_API_KEY");
        client.setRequestInterceptor(request -> request.setHeader("Authorization", authorization));
        BookingsApi bookings = new BookingsApi(client);
        EventsApi events = new EventsApi(client);

        BookingInput lesson = new BookingInput();
        lesson.setTitle("Geometry");
        lesson.setStartsAt(OffsetDateTime.now(ZoneOffset.UTC).plusMinutes(5));
        lesson.setDurationMinutes(45);
        lesson.setParticipants(List.of(
            new ParticipantInput().userId("ada").role("tutor").displayName("Ada"),
            new ParticipantInput().userId("ben").role("student").displayName("Ben")));
        bookings.createBooking(LESSON, lesson, null, null);

        Object joined = bookings.joinBooking(LESSON, null, null, new JoinInput().userId("ada")).getActualInstance();
        if (joined instanceof HmsTokenCredentials credentials) {
            System.out.println("joined room " + credentials.getRoomId() + " as " + credentials.getRole());
        }

        try {
            bookings.joinBooking(LESSON, null, null, new JoinInput().userId("eve"));
        } catch (ApiException error) {
            Problem problem = client.getObjectMapper().readValue(error.getResponseBody(), Problem.class);
            System.out.println(error.getCode() + " " + problem.getCode() + " " + problem.getAccess().getDecision());
        }

        LinkInput forBen = new LinkInput();
        forBen.setUserId("ben");
        System.out.println("link for " + bookings.createBookingLink(LESSON, null, null, forBen).getUserId());

        AccessCheckInput ada = new AccessCheckInput().userId("ada");
        System.out.println("access: " + bookings.checkBookingAccess(LESSON, ada, null).getDecision());

        CallActorInput actor = new CallActorInput().userId("ada");
        System.out.println("ended: " + bookings.endBookingCall(LESSON, null, null, actor).getEndReason());

        for (Event event : events.listEvents(null, SessionKind.BOOKING, LESSON, null, null, null, null).getData()) {
            if (event.getActualInstance() instanceof CallEndedEvent ended) {
                System.out.println("event " + ended.getType() + " after " + ended.getData().getDurationSeconds() + " s");
            }
        }
    }
}
