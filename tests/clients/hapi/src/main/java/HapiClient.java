import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.gclient.ReferenceClientParam;
import ca.uhn.fhir.rest.gclient.StringClientParam;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.MethodNotAllowedException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.hl7.fhir.r5.model.Bundle;
import org.hl7.fhir.r5.model.CapabilityStatement;
import org.hl7.fhir.r5.model.ImagingSelection;
import org.hl7.fhir.r5.model.OperationOutcome;
import org.hl7.fhir.r5.model.Patient;

/** What a user of HAPI's generic client does, against the server whose address is given. */
public final class HapiClient {
    public static void main(String[] arguments) {
        String base = arguments[0];
        String patient = arguments[1];
        FhirContext context = FhirContext.forR5();
        IGenericClient client = context.newRestfulGenericClient(base);

        CapabilityStatement statement =
                client.capabilities().ofType(CapabilityStatement.class).execute();
        check("5.0.0".equals(statement.getFhirVersion().toCode()), "metadata");

        List<String> seen = new ArrayList<>();
        Bundle page = client.search()
                .forResource(ImagingSelection.class)
                .where(new ReferenceClientParam("patient").hasId(patient))
                .count(3)
                .returnBundle(Bundle.class)
                .execute();
        while (true) {
            for (Bundle.BundleEntryComponent entry : page.getEntry()) {
                seen.add(entry.getResource().getIdElement().getIdPart());
            }
            if (page.getLink(Bundle.LINK_NEXT) == null) {
                break;
            }
            page = client.loadPage().next(page).execute();
        }
        check(new HashSet<>(seen).size() == seen.size(), "pages without repetition");

        Bundle posted = client.search()
                .forResource(ImagingSelection.class)
                .where(new ReferenceClientParam("patient").hasId(patient))
                .count(500)
                .include(ImagingSelection.INCLUDE_SUBJECT)
                .usingStyle(SearchStyleEnum.POST)
                .returnBundle(Bundle.class)
                .execute();
        check(posted.getEntry().size() == seen.size() + 1, "POST, and an included patient");

        ImagingSelection read =
                client.read().resource(ImagingSelection.class).withId(seen.get(0)).execute();
        check(read.getIdElement().getIdPart().equals(seen.get(0)), "read");
        check(read.getInstanceFirstRep().getSubset().size() > 0, "subset");
        ImagingSelection version = client.read()
                .resource(ImagingSelection.class)
                .withIdAndVersion(seen.get(0), read.getMeta().getVersionId())
                .execute();
        check(version.equalsDeep(read), "vread");
        Bundle history = client.history()
                .onInstance(read.getIdElement().toUnqualifiedVersionless())
                .returnBundle(Bundle.class)
                .execute();
        check(history.getEntry().size() == 1, "history");
        Patient subject =
                client.read().resource(Patient.class).withUrl(read.getSubject().getReference()).execute();
        check(subject.hasIdentifier(), "subject");

        try {
            client.read().resource(ImagingSelection.class).withId("unknown-113047").execute();
            check(false, "404");
        } catch (ResourceNotFoundException expected) {
            check(expected.getOperationOutcome() instanceof OperationOutcome, "outcome of 404");
        }
        try {
            client.search()
                    .forResource(ImagingSelection.class)
                    .where(new StringClientParam("issued").matches().value("23.May.2009"))
                    .returnBundle(Bundle.class)
                    .execute();
            check(false, "400");
        } catch (InvalidRequestException expected) {
            OperationOutcome outcome = (OperationOutcome) expected.getOperationOutcome();
            check(
                    outcome.getIssueFirstRep().getExpression().get(0).getValue().equals("http.issued"),
                    "expression of 400");
        }
        try {
            MethodOutcome ignored = client.create().resource(new ImagingSelection()).execute();
            check(false, "405");
        } catch (MethodNotAllowedException expected) {
            check(expected.getStatusCode() == 405, "405");
        }
        System.out.println("{\"seen\": " + seen.size() + "}");
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
